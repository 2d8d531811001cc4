# The API server: Node.js under systemd, as a user of its own.
serve() {
  id app >/dev/null 2>&1 || useradd --system --home-dir /var/lib/app --no-create-home --shell /usr/sbin/nologin app
  chown root:app /etc/app/environment
  systemctl daemon-reload
  systemctl enable app
  systemctl restart app
}

step 'write files' write_files
step 'limit the journal' limit_journal
step 'install packages' packages nodejs
step 'fetch the API' fetch_release package.json
step 'start the API' serve
step 'wait for health' healthy app
step 'wait for the load balancer' in_service
