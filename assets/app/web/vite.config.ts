import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** What the server's boot writes, for `npm run dev`. */
const localConfig: Plugin = {
  name: 'local-config',
  configureServer(server) {
    server.middlewares.use('/config.json', (_req, res) => {
      res.setHeader('Content-Type', 'application/json');
      res.end(JSON.stringify({ apiUrl: 'http://localhost:8080', region: 'local' }));
    });
  },
};

export default defineConfig({
  plugins: [react(), localConfig],
  build: {
    target: 'es2022',
    // Everything stays a file of this site: no inline code for a content security policy to allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'jsdom',
    setupFiles: 'test/setup.ts',
  },
});
