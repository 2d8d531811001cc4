package budget

import (
	"fmt"
	"strings"
	"time"
)

// Markdown is the budget as tables: one of all failures, then one each with the
// parts that it is the sum of.
func Markdown(t Timings) string {
	failures := Failures(t)
	var b strings.Builder
	b.WriteString("| failure | worst | typical | target |\n|---|---|---|---|\n")
	for _, f := range failures {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n",
			f.Name, anchor(f.Name), known(f.Worst(), f.Unpublished()), known(f.Typical(), f.Unpublished()), verdict(f))
	}
	for _, f := range failures {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", f.Name, f.Until)
		b.WriteString("| | part | worst | typical | how | from |\n|---|---|---|---|---|---|\n")
		for _, path := range f.Paths {
			name := path.Name
			for _, part := range path.Parts {
				worst, typical := known(part.Worst, part.Unpublished), known(part.Typical, part.Unpublished)
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", name, part.Name, worst, typical, part.How, part.Source)
				name = ""
			}
			if len(path.Parts) > 1 {
				fmt.Fprintf(&b, "| | **sum** | **%s** | **%s** | | |\n", known(path.Worst(), path.Unpublished()), known(path.Typical(), path.Unpublished()))
			}
		}
		if left := left(f); left != "" {
			fmt.Fprintf(&b, "\n%s\n", left)
		}
	}
	fmt.Fprintf(&b, "\nAWS's pages were read on %s.\n", readOn)
	return b.String()
}

// known is a time, and whether it lacks what is not published.
func known(d time.Duration, unpublished bool) string {
	switch {
	case unpublished && d == 0:
		return "not published"
	case unpublished:
		return seconds(d) + " + not published"
	case d == 0:
		return "measure it"
	}
	return seconds(d)
}

func verdict(f Failure) string {
	switch {
	case f.Target == 0:
		return ""
	case !f.Met():
		return seconds(f.Target) + ": **missed**"
	case f.Unpublished():
		return seconds(f.Target) + ": kept by what is known"
	}
	return seconds(f.Target) + ": kept"
}

// left is what a target leaves to the parts that no document states.
func left(f Failure) string {
	if f.Target == 0 || !f.Met() {
		return ""
	}
	var lines []string
	for _, path := range f.Paths {
		var unpublished []string
		for _, part := range path.Parts {
			if part.Unpublished {
				unpublished = append(unpublished, part.Name)
			}
		}
		if len(unpublished) > 0 {
			lines = append(lines, fmt.Sprintf("- %s, %s − %s = **%s**, is left for: %s.",
				path.Name, seconds(f.Target), seconds(path.Worst()), seconds(f.Target-path.Worst()), strings.Join(unpublished, "; ")))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return "Of the target, to be measured in a drill:\n\n" + strings.Join(lines, "\n")
}

// anchor is the link that GitHub gives a heading.
func anchor(heading string) string {
	return strings.ReplaceAll(strings.ToLower(strings.NewReplacer(":", "", ",", "").Replace(heading)), " ", "-")
}
