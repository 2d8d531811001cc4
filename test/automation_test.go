package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// execution runs an Automation document, as it is in the template, against the
// stand-in for AWS: the actions that the runbooks use, and no others.
// https://docs.aws.amazon.com/systems-manager/latest/userguide/automation-actions.html
type execution struct {
	t        *testing.T
	aws      *fakeAWS
	document object
	params   object
	stopAt   string // A step after which somebody cancels the run.

	status  string // Success, Failed or Cancelled
	failure string // Of the steps that failed.
	outputs map[string]any
	ran     []string
	steps   []ranStep
}

// ranStep is how a step went.
type ranStep struct {
	name, status, failure string
	from, to              time.Time
}

func (e *execution) run(given object) {
	e.t.Helper()
	declared := e.document["parameters"].(object)
	for name, parameter := range declared {
		e.params[name] = parameter.(object)["default"]
	}
	for name, value := range given {
		if declared[name] == nil {
			e.t.Fatalf("the document has no parameter %s", name)
		}
		e.params[name] = value
	}
	steps := e.document["mainSteps"].([]any)
	e.status = "Success"
	for i := 0; i >= 0 && i < len(steps); {
		step := steps[i].(object)
		name := step["name"].(string)
		e.ran = append(e.ran, name)
		e.aws.note("step " + name)
		ran := ranStep{name: name, status: "Success", from: e.aws.now}
		jump, err := e.attempt(step)
		ran.to = e.aws.now
		if err != nil {
			ran.status, ran.failure = "Failed", err.Error()
		}
		e.steps = append(e.steps, ran)
		if err != nil {
			e.failure += fmt.Sprintf("%s: %v\n", name, err)
			if step["onFailure"] != "Continue" || step["isCritical"] == true {
				e.status = "Failed"
			}
			if step["onFailure"] != "Continue" {
				return
			}
		}
		if e.stopAt == name {
			e.status = "Cancelled"
			return
		}
		i++
		if jump != "" {
			i = slices.IndexFunc(steps, func(s any) bool { return s.(object)["name"] == jump })
			if i <= slices.IndexFunc(steps, func(s any) bool { return s.(object)["name"] == name }) {
				e.t.Fatalf("%s jumps to %q, which is not further down", name, jump)
			}
		} else if step["isEnd"] == true {
			return
		}
	}
}

func (e *execution) attempt(step object) (jump string, err error) {
	attempts, ok := step["maxAttempts"].(float64)
	if !ok {
		attempts = 1
	}
	for range int(attempts) {
		if jump, err = e.action(step); err == nil {
			return jump, nil
		}
	}
	return "", err
}

func (e *execution) action(step object) (jump string, err error) {
	inputs := e.filled(step["inputs"]).(object)
	timeout, limited := step["timeoutSeconds"].(float64)
	deadline := e.aws.now.Add(time.Duration(timeout) * time.Second)
	var result any
	switch step["action"] {
	case "aws:executeAwsApi":
		result, err = e.api(inputs)
	case "aws:executeScript":
		if !limited || timeout > 600 {
			e.t.Errorf("%v: a script has 600 seconds at most (got %v)", step["name"], timeout)
		}
		result, err = e.script(inputs)
		result = object{"Payload": result}
		if e.aws.now.After(deadline) {
			err = fmt.Errorf("timed out after %v s", timeout)
		}
	case "aws:waitForAwsResourceProperty":
		for {
			if result, err = e.api(inputs); err != nil {
				return "", err
			}
			if slices.Contains(inputs["DesiredValues"].([]any), selected(result, inputs["PropertySelector"].(string))) {
				return "", nil
			}
			if !e.aws.now.Before(deadline) {
				return "", fmt.Errorf("timed out after %v s", timeout)
			}
			e.aws.advance(5 * time.Second)
		}
	case "aws:sleep":
		pause, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(inputs["Duration"].(string), "PT")))
		if err != nil {
			e.t.Fatal(err)
		}
		e.aws.advance(pause)
	case "aws:approve":
		if len(inputs["Approvers"].([]any)) == 0 {
			e.t.Fatal("nobody may approve")
		}
		_, err = e.api(object{"Service": "sns", "Api": "Publish", "TopicArn": inputs["NotificationArn"], "Message": inputs["Message"]})
	case "aws:branch":
		return e.branch(step, inputs), nil
	default:
		e.t.Fatalf("%v: no such action: %v", step["name"], step["action"])
	}
	if err != nil {
		return "", err
	}
	outputs, _ := step["outputs"].([]any)
	for _, output := range outputs {
		o := output.(object)
		value := selected(result, o["Selector"].(string))
		if _, ok := value.(string); !ok || o["Type"] != "String" {
			e.t.Fatalf("%v: want the text that output %v promises (got %v)", step["name"], o["Name"], value)
		}
		e.outputs[step["name"].(string)+"."+o["Name"].(string)] = value
	}
	return "", nil
}

func (e *execution) branch(step, inputs object) string {
	for _, choice := range inputs["Choices"].([]any) {
		c := choice.(object)
		for operator, want := range c {
			if (operator == "StringEquals" || operator == "BooleanEquals") && c["Variable"] == want {
				return c["NextStep"].(string)
			}
		}
	}
	next, ok := inputs["Default"].(string)
	if !ok && step["isEnd"] != true {
		e.t.Fatalf("%v: where no choice is true, want Default or isEnd", step["name"])
	}
	return next
}

func (e *execution) api(inputs object) (any, error) {
	params := object{}
	for name, value := range inputs {
		if !slices.Contains([]string{"Service", "Api", "PropertySelector", "DesiredValues"}, name) {
			params[name] = value
		}
	}
	result, err := e.aws.call(inputs["Service"].(string), inputs["Api"].(string), params)
	if err != nil {
		return nil, err
	}
	var answer any // as the service sends it
	if data, err := json.Marshal(result); err != nil || json.Unmarshal(data, &answer) != nil {
		e.t.Fatalf("%v: %v", result, err)
	}
	return answer, nil
}

var reference = regexp.MustCompile(`{{ *([\w.]+) *}}`)

// filled puts values in the place of references. A text that is nothing but a
// reference becomes its value, type included.
func (e *execution) filled(value any) any {
	switch value := value.(type) {
	case []any:
		items := make([]any, len(value))
		for i := range value {
			items[i] = e.filled(value[i])
		}
		return items
	case object:
		fields := object{}
		for name := range value {
			fields[name] = e.filled(value[name])
		}
		return fields
	case string:
		lookup := func(text string) any {
			name := reference.FindStringSubmatch(text)[1]
			if found, ok := e.params[name]; ok {
				return found
			}
			if found, ok := e.outputs[name]; ok {
				return found
			}
			e.t.Fatalf("nothing is called %s", text)
			return nil
		}
		if reference.FindString(value) == value && value != "" {
			return lookup(value)
		}
		return reference.ReplaceAllStringFunc(value, func(text string) string { return fmt.Sprint(lookup(text)) })
	}
	return value
}

// selected is the JSONPath of the kind $.A[0].B.
func selected(value any, path string) any {
	for _, part := range regexp.MustCompile(`\w+`).FindAllString(path, -1) {
		switch v := value.(type) {
		case object:
			value = v[part]
		case []any:
			value = v[part[0]-'0']
		default:
			return nil
		}
	}
	return value
}

// scripts is the Python process that runs all scripts: testdata/scripts.py.
var scripts = sync.OnceValues(func() (*interpreter, error) {
	cmd := exec.Command("python3", "testdata/scripts.py")
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the runbooks' scripts need python3: %w", err)
	}
	reader := bufio.NewScanner(out)
	reader.Buffer(nil, 1<<20)
	return &interpreter{in, reader}, nil
})

type interpreter struct {
	in  io.Writer
	out *bufio.Scanner
}

func (e *execution) script(inputs object) (any, error) {
	python, err := scripts()
	if err != nil {
		e.t.Fatal(err)
	}
	write := func(message any) {
		line, err := json.Marshal(message)
		if err != nil {
			e.t.Fatal(err)
		}
		if _, err := python.in.Write(append(line, '\n')); err != nil {
			e.t.Fatal(err)
		}
	}
	if inputs["Runtime"] != "python3.11" {
		e.t.Fatalf("want the runtime python3.11 (got %v)", inputs["Runtime"])
	}
	write(object{"script": inputs["Script"], "handler": inputs["Handler"], "payload": inputs["InputPayload"]})
	for python.out.Scan() {
		var said struct {
			Returned           bool
			Result             any
			Raised             string
			Service, Operation string
			Params             object
		}
		if err := json.Unmarshal(python.out.Bytes(), &said); err != nil {
			e.t.Fatal(err)
		}
		if said.Raised != "" {
			return nil, fmt.Errorf("%s", said.Raised)
		}
		if said.Returned {
			return said.Result, nil
		}
		result, err := e.aws.call(said.Service, said.Operation, said.Params)
		answer := object{"result": result}
		if err != nil {
			answer = object{"code": err.code, "message": err.message}
		}
		write(answer)
	}
	e.t.Fatalf("python3 has ended: %v", python.out.Err())
	return nil, nil
}
