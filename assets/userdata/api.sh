# The API server: Node.js under systemd, as a user of its own.

prepare() {
  id app >/dev/null 2>&1 || useradd --system --home-dir /var/lib/app --no-create-home --shell /usr/sbin/nologin app
}

serve() {
  chown root:app /etc/app/environment
  systemctl daemon-reload
  systemctl enable app
  systemctl restart app
}
