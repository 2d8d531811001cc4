#!/bin/bash
# Starts the API with the database's credentials in its environment only: in no
# file, on no command line. A restart reads them anew.
set -euo pipefail
if [[ -n ${DB_SECRET_ID:-} ]]; then
  secret=$(aws secretsmanager get-secret-value --region "$AWS_REGION" --secret-id "$DB_SECRET_ID" --query SecretString --output text)
  credentials=$(printf '%s' "$secret" | node -e 'const s = JSON.parse(require("fs").readFileSync(0, "utf8")); console.log(s.username + "\n" + s.password)')
  DB_USERNAME=${credentials%%$'\n'*}
  DB_PASSWORD=${credentials#*$'\n'}
  export DB_USERNAME DB_PASSWORD
fi
exec node server.js
