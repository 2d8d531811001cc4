package cost

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/goccy/go-yaml"
)

// everywhere is the region of a price that is the same in all.
const everywhere = "everywhere"

//go:embed prices.yaml
var table []byte

// Price is that of one thing in one region.
type Price struct {
	Region      string  // Or everywhere.
	Name        string  // Such as "NAT gateway, hour": what, and of which unit.
	USD         float64 // Of one unit.
	Unconfirmed bool    // No document that states it for this region was at hand.
}

// document is where prices have been read.
type document struct {
	URL, Is string
	Date    string
}

// entry is one price of the table.
type entry struct {
	Page        string // Where AWS states it.
	USD         map[string]float64
	Read        []string // The documents that it was read in.
	Unconfirmed []string // Regions that none of them states it for.
}

type priceTable struct {
	Read      string // Day.
	Documents map[string]document
	Prices    map[string]entry
}

func readTable(data []byte) (t priceTable, err error) {
	err = yaml.UnmarshalWithOptions(data, &t, yaml.Strict())
	return t, err
}

// readPrices is those of prices.yaml, by region and name.
var readPrices = sync.OnceValues(func() (map[string]map[string]Price, error) {
	t, err := readTable(table)
	if err != nil {
		return nil, fmt.Errorf("cost/prices.yaml: %w", err)
	}
	prices := map[string]map[string]Price{}
	for _, name := range slices.Sorted(maps.Keys(t.Prices)) {
		p := t.Prices[name]
		for region, usd := range p.USD {
			if prices[region] == nil {
				prices[region] = map[string]Price{}
			}
			prices[region][name] = Price{region, name, usd, slices.Contains(p.Unconfirmed, region)}
		}
	}
	return prices, nil
})
