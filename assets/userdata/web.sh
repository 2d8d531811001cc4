# The web server: Apache with the site's static files.

# prepare leaves Apache to the boot: started before there is a release, it would
# tell the load balancer that it is healthy.
prepare() {
  a2dismod -q -f autoindex status
  a2enmod -q headers
  a2dissite -q 000-default
  a2ensite -q app
  systemctl disable apache2
}

serve() {
  apache2ctl configtest
  systemctl enable apache2
  systemctl restart apache2
}
