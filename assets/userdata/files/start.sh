#!/bin/bash
# Starts the application with the database's credentials in its environment only:
# in no file, on no command line. A restart reads them anew.
set -euo pipefail
if [[ -n ${DB_SECRET_ID:-} ]]; then
  secret=$(aws secretsmanager get-secret-value --region "$AWS_REGION" --secret-id "$DB_SECRET_ID" --query SecretString --output text)
  # The parser's own error would quote the secret.
  credentials=$(printf '%s' "$secret" | node -e '
    try {
      const { username, password } = JSON.parse(require("fs").readFileSync(0, "utf8"));
      console.log([username, password].map((s) => s.toString()).join("\n") + "\n" + encodeURIComponent(password));
    } catch {
      console.error("the database secret must be JSON with a username and a password");
      process.exit(1);
    }')
  DB_USERNAME=${credentials%%$'\n'*} credentials=${credentials#*$'\n'}
  DB_PASSWORD=${credentials%%$'\n'*} DB_PASSWORD_ENCODED=${credentials#*$'\n'}
  export DB_USERNAME DB_PASSWORD DB_PASSWORD_ENCODED
fi

# The application's own variables, and its start command:
