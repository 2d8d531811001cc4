package test

import (
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestDashboardPictures draws the example's dashboards as their templates have
// them, with curves of a night that never was; -update writes docs/dashboard-*.svg.
func TestDashboardPictures(t *testing.T) {
	a := example(t)
	for place, stack := range map[string]string{"global": "books-global", east: "books-us-east-1", west: "books-us-west-2"} {
		for _, dashboard := range resourcesOf(a.stacks[stack], "AWS::CloudWatch::Dashboard") {
			widgets, err := widgetsOf(bodyOf(dashboard))
			if err != nil {
				t.Fatal(err)
			}
			got := picture(fmt.Sprint(propertiesOf(dashboard)["DashboardName"]), place, widgets)
			file := filepath.Join("../docs", "dashboard-"+place+".svg")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want, err := os.ReadFile(file); err != nil || string(want) != got {
				t.Errorf("%s is not what the template draws (%v); if that is meant: go test ./test -update", file, err)
			}
		}
	}
}

// The night, in minutes after midnight UTC: that of docs/runbook.md. Each graph
// shows three hours.
const (
	story    = "us-east-1 is lost at 01:58, traffic held on us-west-2 at 02:10, the replica promoted by 02:22"
	lost     = 118.0
	held     = 130.0
	promoted = 142.0
	shown    = 180.0
	tick     = 3.0
)

// sample is what a metric would show at a minute, if there is anything to show:
// of us-east-1 nothing is left, but for the services that are global.
func sample(m drawnMetric, minute float64) (value float64, reported bool) {
	global := slices.Contains(inUsEast1, m.namespace) || m.namespace == "AWS/WAFV2" && m.dimensions["Region"] == ""
	primary := m.region == east && !global
	if primary && minute >= lost {
		return 0, false
	}
	at := func(before, between, after float64) float64 { // a standby's
		switch {
		case minute < lost+tick:
			return before
		case minute < promoted:
			return between
		}
		return after
	}
	load := 900 + 120*math.Sin(minute/23) + 60*math.Sin(minute/5)
	if !primary && !global {
		load = at(60, load, load)
	}
	switch m.name {
	case "HealthCheckStatus":
		if strings.Contains(m.label, " on ") {
			return at(1, 0, 0), true
		}
		return map[bool]float64{true: 1}[minute < held], true
	case "HealthCheckPercentageHealthy":
		if strings.Contains(m.label, east) {
			return at(100, 0, 0), true
		}
		return 100, true
	case "HoldTraffic":
		return 1, minute >= held && m.region == west
	case "FenceOpened":
		return map[bool]float64{true: 2}[!primary && minute >= held+tick && minute < held+2*tick], true
	case "WritesRefused":
		return map[bool]float64{true: at(0, load/30, 0)}[!primary], true
	case "HTTPCode_Target_5XX_Count":
		return map[bool]float64{true: at(0, load/30, 0)}[!primary && m.label == "API"], true
	case "RequestCount", "SiteRequests", "AllowedRequests", "Requests":
		return load, true
	case "BlockedRequests":
		return load / 200, true
	case "5xxErrorRate":
		return map[bool]float64{true: 40, false: 0.1}[minute > lost-tick && minute <= lost+tick], true
	case "4xxErrorRate":
		return 1.2, true
	case "TargetResponseTime", "Duration":
		return map[string]float64{"TargetResponseTime": 0.2, "Duration": 420}[m.name] * (1 + 0.2*math.Sin(minute/7+float64(len(m.label)))), true
	case "ReplicaLag":
		return at(0.4+0.3*math.Sin(minute/9), -1, 0), !primary && minute < promoted
	case "CPUUtilization", "DatabaseConnections", "ReadIOPS":
		return 35 * load / 1000, true
	case "WriteIOPS":
		return map[bool]float64{true: 60, false: at(55, 2, 60)}[primary] * (1 + 0.1*math.Sin(minute/4)), true
	case "HealthyHostCount", "GroupInServiceInstances":
		return map[bool]float64{true: 2, false: 1}[primary || minute > held+5], true
	case "GroupDesiredCapacity":
		return map[bool]float64{true: 2, false: 1}[primary || minute >= held], true
	case "GroupMaxSize":
		return 6, true
	case "SuccessPercent":
		return map[bool]float64{true: 0, false: 100}[strings.Contains(m.label, "site") && math.Abs(minute-lost) <= tick], true
	}
	return 0, true
}

// raised is the alarms that such a night ends with, by where they are.
var raised = map[string]*regexp.Regexp{
	east: regexp.MustCompile(`region-sick|RegionSick|NoHealthyHost|DatabaseCpu$|Canaries`),
	west: regexp.MustCompile(`standby-not-ready|StandbyNotReady|Switch`),
	// of the global stack
	"global": regexp.MustCompile(`Endpoint` + strings.ReplaceAll(east, "-", "") + `|TrafficHeld`),
}

const (
	columnWidth, rowHeight, banner = 46, 30, 46
	colours                        = "#1f77b4 #ff7f0e #2ca02c #9467bd"
)

// drawing writes SVG.
type drawing struct{ strings.Builder }

func (d *drawing) add(format string, args ...any) { fmt.Fprintf(&d.Builder, format+"\n", args...) }

func (d *drawing) text(x, y float64, attributes, text string) {
	d.add(`<text x="%.0f" y="%.0f" %s>%s</text>`, x, y, attributes, html.EscapeString(text))
}

func picture(name, place string, widgets []widget) string {
	height := 0
	for _, w := range widgets {
		height = max(height, w.Y+w.Height)
	}
	d := &drawing{}
	d.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#16191f">`, 24*columnWidth, height*rowHeight+banner)
	d.add(`<title>%s, with sample data</title>`, name)
	d.add(`<style>.l{font-size:10px;fill:#545b64}.w{font-size:15px;fill:#d5dbdb}.h{font-weight:700}</style>`)
	d.add(`<rect width="100%%" height="100%%" fill="#f2f3f3"/>`)
	d.text(10, 19, `class="h" font-size="15"`, name)
	d.text(10, 37, `fill="#d13212"`, "Drawn from the template; all curves and states are sample data: "+story+".")
	for _, w := range widgets {
		x, y := float64(w.X*columnWidth), float64(w.Y*rowHeight+banner)
		width, height := float64(w.Width*columnWidth), float64(w.Height*rowHeight)
		if !strings.HasPrefix(w.Properties.Markdown, "## ") {
			d.add(`<rect x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="3" fill="#fff" stroke="#d5dbdb"/>`, x+2, y+2, width-4, height-4)
		}
		switch w.Type {
		case "text":
			d.markdown(x, y, w.Properties.Markdown)
		case "alarm":
			d.alarms(x, y, width, place, w)
		case "metric":
			d.graph(x, y, width, height, w)
		}
	}
	d.add("</svg>")
	return d.String()
}

// markdown draws the little of it that the dashboards use.
func (d *drawing) markdown(x, y float64, markdown string) {
	plain := regexp.MustCompile("\\[([^]]*)\\]\\([^)]*\\)|`").ReplaceAllString(markdown, "$1")
	for line := range strings.Lines(plain) {
		line = strings.TrimSpace(line)
		heading := strings.TrimLeft(line, "# ")
		switch {
		case line == "":
		case heading != line:
			y += 22
			d.text(x+10, y, `class="h" font-size="15"`, heading)
		default:
			for _, part := range regexp.MustCompile(`.{1,165}( |$)`).FindAllString(line, -1) {
				y += 17
				d.text(x+10, y, "", part)
			}
		}
	}
}

// alarms draws the states in which the night leaves them.
func (d *drawing) alarms(x, y, width float64, place string, w widget) {
	d.text(x+10, y+19, `class="h"`, w.Properties.Title)
	perLine := max(1, w.Width/6)
	for i, alarm := range w.Properties.Alarms {
		home := place
		if parts := strings.Split(alarm, ":"); len(parts) == 7 {
			home, alarm = parts[3], parts[6]
		}
		label := regexp.MustCompile(`^«(?:Alarms|Failover)?(\w+)\w{8}\.Arn»$`).ReplaceAllString(alarm, "$1")
		state, colour := "OK", "#1d8102"
		if raised[home].MatchString(label) {
			state, colour = "ALARM", "#d13212"
		}
		cell := (width - 16) / float64(perLine)
		cx, cy := x+8+float64(i%perLine)*cell, y+28+float64(i/perLine)*rowHeight
		d.add(`<rect x="%.0f" y="%.0f" width="%.0f" height="24" rx="2" fill="none" stroke="%s"/>`, cx, cy, cell-6, colour)
		d.text(cx+6, cy+16, fmt.Sprintf(`fill="%s" font-size="11"`, colour), state+" "+label)
	}
}

// graph draws a widget's metrics over the night.
func (d *drawing) graph(x, y, width, height float64, w widget) {
	metrics, _ := metricsOf(w)
	axis := w.Properties.YAxis.Left
	top := axis.Max
	for _, m := range metrics {
		for minute := 0.0; minute < shown && axis.Max == 0; minute += tick {
			if value, reported := sample(m, minute); reported {
				top = max(top, math.Ceil(11.5*value)/10)
			}
		}
	}
	for _, limit := range w.Properties.Annotations.Horizontal {
		top = max(top, 1.1*limit.Value)
	}
	if top == 0 {
		top = 1
	}
	left, right, upper, lower := x+46, x+width-16, y+32, y+height-44
	px := func(minute float64) float64 { return left + minute/shown*(right-left) }
	py := func(value float64) float64 { return lower - (value-axis.Min)/(top-axis.Min)*(lower-upper) }

	d.text(x+10, y+19, `class="h"`, w.Properties.Title)
	d.text((left+right)/2, (upper+lower)/2+5, `class="w" text-anchor="middle"`, "sample data")
	d.add(`<path d="M%.0f %.0fV%.0fH%.0f" fill="none" stroke="#aab7b8"/>`, left, upper, lower, right)
	for _, value := range []float64{axis.Min, top} {
		d.text(left-4, py(value)+4, `class="l" text-anchor="end"`, strconv.FormatFloat(math.Round(100*value)/100, 'f', -1, 64))
	}
	for hour := 0; hour <= 3; hour++ {
		d.text(px(float64(60*hour)), lower+13, `class="l" text-anchor="middle"`, fmt.Sprintf("0%d:00", hour))
	}
	for _, limit := range w.Properties.Annotations.Horizontal {
		d.add(`<path d="M%.0f %.0fH%.0f" stroke="#d13212" stroke-dasharray="4 3"/>`, left, py(limit.Value), right)
		d.text(right, py(limit.Value)-3, `class="l" text-anchor="end"`, limit.Label)
	}
	legend := x + 10
	for i, m := range metrics {
		colour := strings.Fields(colours)[i%4]
		var path strings.Builder
		pen := "M"
		for minute := 0.0; minute < shown; minute += tick {
			value, reported := sample(m, minute)
			if !reported {
				pen = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.0f %.0f", pen, px(minute), py(value))
			pen = "L"
		}
		if path.Len() > 0 {
			d.add(`<path d="%s" fill="none" stroke="%s" stroke-width="1.6"/>`, &path, colour)
		}
		d.add(`<rect x="%.0f" y="%.0f" width="9" height="9" fill="%s"/>`, legend, y+height-21, colour)
		d.text(legend+13, y+height-12, `class="l"`, m.label)
		legend += 20 + 5.2*float64(len(m.label))
	}
}
