package account

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"warm-standby/assets/runbooks"
)

// RunningRunbooks is the runs of a deployment's runbooks that have not ended in
// the client's region, but those of status, which changes nothing.
func RunningRunbooks(ctx context.Context, client *ssm.Client, deployment string) ([]types.AutomationExecutionMetadata, error) {
	var documents []string
	for _, runbook := range runbooks.All {
		if runbook != runbooks.Status {
			documents = append(documents, runbooks.DocumentName(deployment, runbook))
		}
	}
	var running []types.AutomationExecutionMetadata
	pages := ssm.NewDescribeAutomationExecutionsPaginator(client, &ssm.DescribeAutomationExecutionsInput{Filters: []types.AutomationExecutionFilter{
		{Key: types.AutomationExecutionFilterKeyDocumentNamePrefix, Values: documents},
		{Key: types.AutomationExecutionFilterKeyExecutionStatus, Values: []string{"Pending", "InProgress", "Waiting", "Cancelling"}},
	}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, run := range page.AutomationExecutionMetadataList {
			if run.DocumentName != nil && slices.Contains(documents, *run.DocumentName) { // else of a deployment whose name begins with this one's
				running = append(running, run)
			}
		}
	}
	return running, nil
}
