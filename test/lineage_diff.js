// Compares pairs of templates with the library behind `cdk diff`. Reads
// [[before, after], …] on stdin, writes for each pair the resources that change
// (what becomes of them, and which properties change with what impact), and the
// properties that CloudFormation's resource schemas call create-only, by type.
const { loadAwsServiceSpecSync } = require('@aws-cdk/aws-service-spec');
const { fullDiff } = require('@aws-cdk/cloudformation-diff');

const pairs = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const changes = pairs.map(([before, after]) => {
  const changed = {};
  fullDiff(before, after).resources.forEachDifference((id, { resourceType, changeImpact, propertyUpdates }) => {
    const properties = Object.entries(propertyUpdates).map(([name, update]) => [name, update.changeImpact]);
    changed[id] = { type: resourceType, impact: changeImpact, properties: Object.fromEntries(properties) };
  });
  return changed;
});

const schemas = loadAwsServiceSpecSync();
const createOnly = {};
for (const { Type: type } of pairs.flat().flatMap((template) => Object.values(template.Resources))) {
  const [spec] = schemas.lookup('resource', 'cloudFormationType', 'equals', type);
  createOnly[type] = Object.entries(spec?.properties ?? {}).filter(([, p]) => p.causesReplacement === 'yes').map(([name]) => name);
}
process.stdout.write(JSON.stringify({ changes, createOnly }));
