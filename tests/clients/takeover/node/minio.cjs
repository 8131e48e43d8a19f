// One signed request of MinIO's client for JavaScript, with the provider for roles that it has; see tests/real/takeover.

"use strict";

const { Client } = require("minio");
const { IamAwsProvider } = require("minio/dist/main/IamAwsProvider.js");

const endpoint = new URL(process.env.AWS_ENDPOINT_URL_S3);
const client = new Client({
  endPoint: endpoint.hostname,
  port: Number(endpoint.port),
  useSSL: false,
  region: process.env.AWS_REGION,
  credentialsProvider: new IamAwsProvider({}),
});
client.listBuckets().then(console.log, (failure) => {
  console.error(failure);
  process.exit(1);
});
