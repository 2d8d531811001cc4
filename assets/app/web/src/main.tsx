import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createApi } from './api';
import { App } from './App';
import { loadConfig } from './config';
import './style.css';

const root = createRoot(document.getElementById('root')!);

try {
  const { apiUrl, region } = await loadConfig();
  root.render(
    <StrictMode>
      <App api={createApi(apiUrl)} region={region} />
    </StrictMode>,
  );
} catch (error) {
  console.error(error);
  root.render(
    <main className="empty">
      <h1>Books</h1>
      <p role="alert">The page could not be started.</p>
      <button type="button" onClick={() => location.reload()}>
        Try again
      </button>
    </main>,
  );
}
