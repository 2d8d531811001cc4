package cost

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Markdown is the estimate as a table of its services and stacks, with what is
// assumed and what is not counted; in detail, with every line of the bill.
func (e *Estimate) Markdown(details bool) string {
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(append(append([]string{"USD a month"}, e.Stacks...), "together")...)
	b.WriteString("|---" + strings.Repeat("|--:", len(e.Stacks)+1) + "|\n")
	for _, service := range append(e.Services(), "") {
		cells := []string{title(service)}
		for _, stack := range append(slices.Clone(e.Stacks), "") {
			cells = append(cells, dollars(e.Sum(stack, service)))
		}
		row(cells...)
	}
	fmt.Fprintf(&b, "\n%s\n", e.share())
	if details {
		b.WriteString("\n")
		row("stack", "service", "what", "quantity", "of", "price", "USD a month")
		b.WriteString("|---|---|---|--:|---|--:|--:|\n")
		for _, l := range e.merged() {
			row(l.Stack, l.Service, l.Item, amount(l.Quantity), l.Price.Name, amount(l.Price.USD), dollars(l.Cost()))
		}
	}
	b.WriteString("\nAssumed, and changed by flags of the same name:\n\n")
	for _, a := range e.Assumptions.List() {
		fmt.Fprintf(&b, "- `-%s` %s: %s\n", a.Name, amount(*a.Value), a.Meaning)
	}
	b.WriteString("\nNot counted:\n\n")
	for _, what := range NotCounted {
		fmt.Fprintf(&b, "- %s\n", what)
	}
	if names := e.unconfirmed(); len(names) > 0 {
		b.WriteString("\nPrices that no document at hand states for their region, to be checked on the page that `cost/prices.yaml` names:\n\n")
		for _, name := range names {
			fmt.Fprintf(&b, "- %s\n", name)
		}
	}
	return b.String()
}

// share is how much the standby costs, beside the primary.
func (e *Estimate) share() string {
	return fmt.Sprintf("The standby region costs %.0f %% of what the primary does.", 100*e.Sum(e.Standby, "")/e.Sum(e.Primary, ""))
}

// merged adds up the lines of the same thing, and brings those of a service together.
func (e *Estimate) merged() (lines []Line) {
	for _, l := range e.Lines {
		same := func(m Line) bool { return m.Stack == l.Stack && m.Item == l.Item && m.Price == l.Price }
		if i := slices.IndexFunc(lines, same); i >= 0 {
			lines[i].Quantity += l.Quantity
		} else {
			lines = append(lines, l)
		}
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(
			cmp.Compare(slices.Index(e.Stacks, a.Stack), slices.Index(e.Stacks, b.Stack)),
			cmp.Compare(a.Service, b.Service), cmp.Compare(b.Cost(), a.Cost()), cmp.Compare(a.Item, b.Item))
	})
	return lines
}

// unconfirmed is the prices in use that the table marks so.
func (e *Estimate) unconfirmed() []string {
	names := map[string]bool{}
	for _, l := range e.Lines {
		if l.Price.Unconfirmed {
			names[l.Price.Region+": "+l.Price.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// SideBySide is a table of what several deployments cost, by service and by stack.
func SideBySide(names []string, estimates map[string]*Estimate) string {
	var b strings.Builder
	line := func(first string, cell func(*Estimate) string) {
		fmt.Fprintf(&b, "| %s |", first)
		for _, name := range names {
			fmt.Fprintf(&b, " %s |", cell(estimates[name]))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "| USD a month | %s |\n|---%s|\n", strings.Join(names, " | "), strings.Repeat("|--:", len(names)))
	services := map[string]bool{}
	for _, e := range estimates {
		for _, s := range e.Services() {
			services[s] = true
		}
	}
	first := estimates[names[0]]
	order := first.Services()
	for _, s := range slices.Sorted(maps.Keys(services)) {
		if !slices.Contains(order, s) {
			order = append(order, s)
		}
	}
	for _, service := range append(order, "") {
		line(title(service), func(e *Estimate) string { return dollars(e.Sum("", service)) })
	}
	line("of it the primary region", func(e *Estimate) string { return dollars(e.Sum(e.Primary, "")) })
	line("of it the standby region", func(e *Estimate) string {
		return fmt.Sprintf("%s, %.0f %% of the primary", dollars(e.Sum(e.Standby, "")), 100*e.Sum(e.Standby, "")/e.Sum(e.Primary, ""))
	})
	return b.String()
}

// title is a service's, or that of the sum of all.
func title(service string) string {
	if service == "" {
		return "**together**"
	}
	return service
}

func dollars(usd float64) string { return fmt.Sprintf("%.2f", usd) }

// amount is a number without needless digits.
func amount(n float64) string {
	if n != 0 && n < 0.01 {
		return fmt.Sprintf("%.3g", n)
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.4f", n), "0"), ".")
}
