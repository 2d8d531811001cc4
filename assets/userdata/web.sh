# The web server: Apache with the site's static files.
serve() {
  a2dismod -q -f autoindex status
  a2enmod -q headers
  a2dissite -q 000-default
  a2ensite -q app
  apache2ctl configtest
  systemctl enable apache2
  systemctl restart apache2
}

step 'write files' write_files
step 'limit the journal' limit_journal
step 'install packages' packages apache2
step 'fetch the site' fetch_release index.html
step 'start Apache' serve
step 'wait for health' healthy apache2
step 'wait for the load balancer' in_service
