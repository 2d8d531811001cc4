package settings

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with a settings file.
type Problem struct {
	File string
	Line int    // 0 where the file as a whole is meant.
	Path string // The field, such as database.multiAz.primary; empty where none is meant.
	Want string // What would be right.
	Got  string // What is there instead.
}

// String is the problem on one line.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	if p.Path != "" {
		where += ": " + p.Path
	}
	return fmt.Sprintf("%s: want %s (got %s)", where, p.Want, p.Got)
}

// Problems is everything that is wrong with a settings file, in the order of
// its lines.
type Problems []Problem

// Error is the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}
