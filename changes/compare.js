// Compares pairs of templates with the library behind `cdk diff`. Reads
// [[before, after], …] on stdin, writes for each pair the resources that change
// (what becomes of them, and which properties change with what impact) and the
// text of `cdk diff`, and the properties that CloudFormation's resource schemas
// call create-only, by type.
const { loadAwsServiceSpecSync } = require('@aws-cdk/aws-service-spec');
const { formatDifferences, fullDiff, mangleLikeCloudFormation } = require('@aws-cdk/cloudformation-diff');
const { Writable } = require('node:stream');

const pairs = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
const differences = pairs.map(([before, after]) => {
  // CloudFormation gives a template back with a ? for each letter beyond ASCII.
  const diffs = [after, JSON.parse(mangleLikeCloudFormation(JSON.stringify(after)))].map((to) => fullDiff(before, to));
  const diff = diffs[1].differenceCount < diffs[0].differenceCount ? diffs[1] : diffs[0];

  const path = {};
  for (const [id, resource] of Object.entries({ ...before.Resources, ...after.Resources })) {
    path[id] = resource.Metadata?.['aws:cdk:path'] ?? '';
  }
  const resources = {};
  diff.resources.forEachDifference((id, { changeImpact, propertyUpdates, oldValue, newValue }) => {
    const updates = Object.entries(propertyUpdates);
    resources[id] = {
      type: (oldValue ?? newValue).Type,
      path: path[id],
      impact: changeImpact,
      properties: Object.fromEntries(updates.map(([name, update]) => [name, update.changeImpact])),
      leaving: updates.filter(([, update]) => update.newValue === undefined).map(([name]) => name),
      deletionPolicy: oldValue?.DeletionPolicy ?? '',
      updateReplacePolicy: oldValue?.UpdateReplacePolicy ?? '',
    };
  });
  let text = '';
  if (!diff.isEmpty) {
    formatDifferences(new Writable({ decodeStrings: false, write: (chunk, _, done) => { text += chunk; done(); } }), diff, path);
  }
  return { resources, text };
});

const schemas = loadAwsServiceSpecSync();
const createOnly = {};
for (const { Type: type } of pairs.flat().flatMap((template) => Object.values(template.Resources ?? {}))) {
  const [spec] = schemas.lookup('resource', 'cloudFormationType', 'equals', type);
  createOnly[type] = Object.entries(spec?.properties ?? {}).filter(([, p]) => p.causesReplacement === 'yes').map(([name]) => name);
}
process.stdout.write(JSON.stringify({ differences, createOnly }));
