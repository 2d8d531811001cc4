package changes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Stack is what deploying a stack would change.
type Stack struct {
	Name string
	New  bool // It is not deployed yet.
	Difference
}

// What is said of resources before anything else, and how many at most: who has
// to read more than that reads the whole of it.
const mostNamed = 50

// Markdown tells what deploying the stacks would do, in no more than limit bytes:
// first what may be lost, then a table, then as much as there is room for of what
// `cdk diff` prints.
func Markdown(deployment string, stacks []Stack, limit int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "## What deploying `%s` would do\n\n", plain(deployment))
	lost, promoted, kept := remarks(stacks)
	if len(lost) > 0 {
		b.WriteString("> [!CAUTION]\n> **What holds data, or a name that others know, is replaced or deleted:**\n")
		list(&b, "> ", lost)
	}
	if len(promoted) > 0 {
		b.WriteString("Promoted in place, which cannot be undone (docs/lineage.md):\n\n")
		list(&b, "", promoted)
	}
	if len(kept) > 0 {
		b.WriteString("Leaves its stack, stays in the account:\n\n")
		list(&b, "", kept)
	}
	b.WriteString("| stack | new | changed | may be replaced | replaced | deleted | kept |\n|---|--:|--:|--:|--:|--:|--:|\n")
	for _, stack := range stacks {
		n := map[string]int{}
		for _, change := range stack.Resources {
			n[change.kind()]++
		}
		name := "`" + plain(stack.Name) + "`"
		if stack.New {
			name += ", not deployed yet"
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d |\n", name, n["new"], n["changed"], n["may be replaced"], n["replaced"], n["deleted"], n["kept"])
	}
	b.WriteString("\nTags of stacks and the values of secrets are not compared.\n")

	stacks = slices.DeleteFunc(slices.Clone(stacks), func(stack Stack) bool { return stack.New || stack.Text == "" })
	for i, stack := range stacks {
		b.WriteString(details(stack, (limit-b.Len())/(len(stacks)-i)))
	}
	return b.String()
}

// kind is the table's column for a change.
func (c Change) kind() string {
	switch c.Impact {
	case "WILL_CREATE", "WILL_IMPORT":
		return "new"
	case "WILL_REPLACE":
		return "replaced"
	case "WILL_DESTROY":
		return "deleted"
	case "WILL_ORPHAN":
		return "kept"
	}
	if properties, _ := c.Replaces(); len(properties) > 0 {
		return "may be replaced"
	}
	return "changed"
}

// remarks are the changes that a reader has to know of.
func remarks(stacks []Stack) (lost, promoted, kept []string) {
	for _, stack := range stacks {
		for _, id := range slices.Sorted(maps.Keys(stack.Resources)) {
			change := stack.Resources[id]
			kind, stateful := change.kind(), slices.Contains(Stateful, change.Type)
			what := fmt.Sprintf("`%s`: `%s` (%s)", plain(stack.Name), plain(change.label(id)), plain(change.Type))
			if change.Promotes() && kind == "changed" {
				promoted = append(promoted, what)
			}
			switch {
			case kind == "kept":
				kept = append(kept, what)
			case stateful && kind == "deleted":
				how := "is deleted"
				if change.DeletionPolicy == "Snapshot" { // a template doesn't tell a replica from what was promoted
					how = "is deleted, with a final snapshot unless it is a replica"
				}
				lost = append(lost, fmt.Sprintf("**%s %s**", what, how))
			case stateful && (kind == "replaced" || kind == "may be replaced"):
				how := strings.Replace(kind, "replaced", "replaced by a new one", 1)
				if kind == "replaced" {
					how = "is " + how
				}
				if properties, _ := change.Replaces(); len(properties) > 0 {
					how += ", for " + plain(strings.Join(properties, ", "))
				}
				if strings.HasPrefix(change.UpdateReplacePolicy, "Retain") {
					how += "; the old one stays in the account"
				}
				lost = append(lost, fmt.Sprintf("**%s %s**", what, how))
			}
		}
	}
	return lost, promoted, kept
}

func list(b *strings.Builder, prefix string, items []string) {
	for i, item := range items {
		if i == mostNamed {
			fmt.Fprintf(b, "%s- and %d more\n", prefix, len(items)-i)
			break
		}
		fmt.Fprintf(b, "%s- %s\n", prefix, item)
	}
	b.WriteString("\n")
}

// details is what `cdk diff` prints of a stack, folded, in at most room bytes. Its
// fence is longer than any run of backticks in it.
func details(stack Stack, room int) string {
	fence := "```"
	for strings.Contains(stack.Text, fence) {
		fence += "`"
	}
	head := fmt.Sprintf("\n<details><summary><code>%s</code></summary>\n\n%stext\n", plain(stack.Name), fence)
	const cut = "… %d lines more: see the run's summary, or make diff\n"
	tail := fence + "\n\n</details>\n"
	text := strings.TrimRight(stack.Text, "\n") + "\n"
	if room -= len(head) + len(cut) + 10 + len(tail); len(text) > room {
		kept := text[:max(0, strings.LastIndexByte(text[:max(0, room)], '\n')+1)]
		text = kept + fmt.Sprintf(cut, strings.Count(text, "\n")-strings.Count(kept, "\n"))
	}
	return head + text + tail
}

// plain is a name that cannot end the code span, the tag or the table cell it
// stands in: what a pull request calls its resources is not to be trusted.
func plain(name string) string {
	return strings.NewReplacer("`", "'", "<", "(", ">", ")", "|", "/", "\n", " ", "\r", " ").Replace(name)
}
