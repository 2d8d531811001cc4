package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// pullRequest is one on GitHub, by its REST API
// (https://docs.github.com/en/rest/issues/comments).
type pullRequest struct{ repository, comments, token string }

// newPullRequest takes the rest from the variables that GitHub Actions sets.
func newPullRequest(number int) (*pullRequest, error) {
	var missing []error
	get := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, fmt.Errorf("%s: want it in the environment, to comment on a pull request (got none)", name))
		}
		return value
	}
	repository := get("GITHUB_API_URL") + "/repos/" + get("GITHUB_REPOSITORY")
	return &pullRequest{repository, fmt.Sprintf("%s/issues/%d/comments", repository, number), get("GITHUB_TOKEN")}, errors.Join(missing...)
}

// comment writes the comment that begins with the marker, or writes it anew.
func (pr *pullRequest) comment(ctx context.Context, marker, text string) error {
	body := map[string]string{"body": marker + text}
	const perPage = 100 // the most
	for page := 1; ; page++ {
		var comments []struct {
			ID   int64
			Body string
			User struct{ Type string }
		}
		if err := pr.call(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", pr.comments, perPage, page), nil, &comments); err != nil {
			return err
		}
		for _, comment := range comments {
			// A person may quote the marker.
			if comment.User.Type == "Bot" && strings.HasPrefix(comment.Body, strings.TrimSpace(marker)) {
				return pr.call(ctx, http.MethodPatch, fmt.Sprintf("%s/issues/comments/%d", pr.repository, comment.ID), body, nil)
			}
		}
		if len(comments) < perPage {
			return pr.call(ctx, http.MethodPost, pr.comments, body, nil)
		}
	}
}

func (pr *pullRequest) call(ctx context.Context, method, url string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	document, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(document))
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/vnd.github+json")
	request.Header.Set("Authorization", "Bearer "+pr.token)
	request.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		var refusal struct{ Message string }
		_ = json.Unmarshal(answer, &refusal) // what is no JSON says nothing
		return fmt.Errorf("GitHub: %s %s: %s %s", method, request.URL.Path, response.Status, refusal.Message)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
