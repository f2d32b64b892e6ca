package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// requests counts requests by what they are: "GET", "LIST", "dry-run", "PATCH"
// (server-side apply included), "POST", "PUT", "DELETE".
type requests map[string]int

// order in which requests are shown.
var verbs = []string{"GET", "LIST", "dry-run", "PATCH", "POST", "PUT", "DELETE"}

func (r requests) String() string {
	var parts []string
	for _, verb := range verbs {
		if r[verb] != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", r[verb], verb))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// writes are those that were no dry-run.
func (r requests) writes() int { return r["PATCH"] + r["POST"] + r["PUT"] + r["DELETE"] }

func (r requests) minus(before requests) requests {
	difference := requests{}
	for verb, n := range r {
		if n != before[verb] {
			difference[verb] = n - before[verb]
		}
	}
	return difference
}

// readRequests reads apiserver_request_total from the text of /metrics. Left out
// are the scrape itself, health checks, watches (counted when they end, whoever
// began them), and the lease by which the API server itself is known.
func readRequests(text io.Reader) (requests, error) {
	total := requests{}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		rest, found := strings.CutPrefix(line, "apiserver_request_total{")
		if !found {
			continue
		}
		labels, value, found := cutLabels(rest)
		if !found {
			return nil, fmt.Errorf("reading metrics: %q", line)
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("reading metrics: %q: %w", line, err)
		}
		if verb := verbOf(labels); verb != "" {
			total[verb] += int(n)
		}
	}
	return total, lines.Err()
}

// verbOf is empty for what is not counted.
func verbOf(labels map[string]string) string {
	switch labels["subresource"] {
	case "/metrics", "/readyz", "/livez", "/healthz":
		return ""
	}
	if labels["resource"] == "leases" && labels["verb"] != "POST" && labels["verb"] != "DELETE" {
		return ""
	}
	if strings.Contains(labels["dry_run"], "All") {
		return "dry-run"
	}
	switch verb := labels["verb"]; verb {
	case "APPLY":
		return "PATCH"
	case "GET", "LIST", "PATCH", "POST", "PUT", "DELETE":
		return verb
	}
	return ""
}

// cutLabels reads `a="b",c="d"} 12`. Label values hold no escaped quotes here.
func cutLabels(text string) (labels map[string]string, value string, found bool) {
	labels = map[string]string{}
	for {
		name, rest, ok := strings.Cut(text, `="`)
		if !ok {
			return nil, "", false
		}
		content, rest, ok := strings.Cut(rest, `"`)
		if !ok {
			return nil, "", false
		}
		labels[name] = content
		if after, more := strings.CutPrefix(rest, ","); more {
			text = after
			continue
		}
		value, ok := strings.CutPrefix(rest, "} ")
		return labels, value, ok
	}
}

// cpuOf is the CPU time of a running process, to the nanosecond where the kernel
// says it (schedstat of its threads), else in its ticks of 10 ms.
func cpuOf(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var total int64
	for _, thread := range threads {
		data, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has just ended
		}
		nanoseconds, _, _ := strings.Cut(string(data), " ")
		n, err := strconv.ParseInt(nanoseconds, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading %q: %w", thread, err)
		}
		total += n
	}
	if total > 0 {
		return time.Duration(total), nil
	}
	return ticksOf(pid)
}

func ticksOf(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The command's name is in parentheses and may hold anything (proc(5)).
	_, rest, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading CPU time of process %d: %q", pid, data)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}
