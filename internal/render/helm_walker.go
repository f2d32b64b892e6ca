package render

import (
	"slices"
	"strconv"
	"strings"
	"text/template/parse"
)

// walker collects the traits of one parsed template.
type walker struct {
	traits   *traits
	analysis *analysis
	grows    string
	position int
	atRoot   bool // the dot is the root of all that a template sees
}

// line is the line of the growing call.
func (w *walker) line(content string) int {
	return 1 + strings.Count(content[:min(w.position, len(content))], "\n")
}

func (w *walker) walk(node parse.Node) {
	switch node := node.(type) {
	case *parse.ListNode:
		if node != nil {
			for _, child := range node.Nodes {
				w.walk(child)
			}
		}
	case *parse.ActionNode:
		w.pipe(node.Pipe)
	case *parse.IfNode:
		w.branch(&node.BranchNode)
	case *parse.RangeNode:
		w.rebound(&node.BranchNode)
	case *parse.WithNode:
		w.rebound(&node.BranchNode)
	case *parse.TemplateNode:
		w.traits.includes[node.Name] = true
		w.pipe(node.Pipe)
	case *parse.PipeNode:
		w.pipe(node)
	case *parse.ChainNode:
		w.walk(node.Node)
	case *parse.IdentifierNode:
		w.call(node.Ident)
	}
}

func (w *walker) branch(node *parse.BranchNode) {
	w.pipe(node.Pipe)
	w.walk(node.List)
	w.walk(node.ElseList)
}

// rebound is a branch below which the dot is something else; the root itself may be
// what is walked.
func (w *walker) rebound(node *parse.BranchNode) {
	if node.Pipe != nil && len(node.Pipe.Cmds) == 1 && w.isRoot(node.Pipe.Cmds[0].Args[0]) {
		w.analysis.asks = true
	}
	w.pipe(node.Pipe)
	outside := w.atRoot
	w.atRoot = false
	w.walk(node.List)
	w.atRoot = outside
	w.walk(node.ElseList)
}

// isRoot says whether an expression is the root of all that a template sees, of
// which the capabilities are a part.
func (w *walker) isRoot(node parse.Node) bool {
	switch node := node.(type) {
	case *parse.DotNode:
		return w.atRoot
	case *parse.VariableNode:
		return len(node.Ident) == 1 && node.Ident[0] == "$"
	}
	return false
}

func (w *walker) pipe(node *parse.PipeNode) {
	if node == nil {
		return
	}
	for i, command := range node.Cmds {
		w.command(command, i > 0)
	}
}

// command is one call with its arguments; piped says that its last argument
// comes from the left.
func (w *walker) command(command *parse.CommandNode, piped bool) {
	if name, ok := command.Args[0].(*parse.IdentifierNode); ok {
		if name.Ident == "include" {
			w.include(command.Args[1:], piped)
		}
		if growingFunctions[name.Ident] {
			w.growth(name, command.Args[1:])
		}
		// Who prints the whole root, or looks into it by a name put together, may see
		// what the cluster serves.
		if !handedOn[name.Ident] && slices.ContainsFunc(command.Args[1:], w.isRoot) {
			w.analysis.asks = true
		}
	}
	for _, argument := range command.Args {
		w.walk(argument)
	}
}

func (w *walker) call(name string) {
	switch {
	case emptyFunctions[name]:
		w.traits.empty[name] = true
	case name == "tpl":
		w.traits.tpl = true
	}
}

// include notes which templates an include may run.
func (w *walker) include(arguments []parse.Node, piped bool) {
	if len(arguments) == 0 || (len(arguments) == 1 && !piped) {
		w.traits.anything = true
		return
	}
	if name, ok := arguments[0].(*parse.StringNode); ok {
		w.traits.includes[name.Text] = true
		return
	}
	// A name that is put together, as in (print $.Template.BasePath "/x.yaml").
	literals := literalsOf(arguments[0])
	if len(literals) == 0 {
		w.traits.anything = true
	}
	for _, literal := range literals {
		w.traits.partly[literal] = true
	}
}

// literalsOf are the parts of text that stand in an expression; formatting verbs
// split them.
func literalsOf(node parse.Node) []string {
	var found []string
	switch node := node.(type) {
	case *parse.StringNode:
		longest := ""
		for part := range strings.SplitSeq(node.Text, "%s") {
			if len(part) > len(longest) {
				longest = part
			}
		}
		if len(longest) > 1 && !strings.Contains(longest, "%") {
			found = append(found, longest)
		}
	case *parse.PipeNode:
		for _, command := range node.Cmds {
			for _, argument := range command.Args {
				found = append(found, literalsOf(argument)...)
			}
		}
	}
	return found
}

// growth notes a number that no template needs.
func (w *walker) growth(name *parse.IdentifierNode, arguments []parse.Node) {
	for _, argument := range arguments {
		number, ok := argument.(*parse.NumberNode)
		if !ok {
			continue
		}
		if n, err := strconv.ParseFloat(number.Text, 64); err == nil && (n > maxGrowth || n < -maxGrowth) {
			w.grows, w.position = name.Ident, int(name.Pos)
		}
	}
}

// tplArguments are the values that a text hands to tpl, as ".Values.a.b".
func tplArguments(content string) []string {
	trees, err := parseTemplate("text", content)
	if err != nil {
		return nil
	}
	var found []string
	for _, tree := range trees {
		for _, command := range commandsOf(tree.Root) {
			name, ok := command.Args[0].(*parse.IdentifierNode)
			if !ok || name.Ident != "tpl" || len(command.Args) < 2 {
				continue
			}
			switch argument := command.Args[1].(type) {
			case *parse.FieldNode:
				found = append(found, "."+strings.Join(argument.Ident, "."))
			case *parse.VariableNode:
				found = append(found, "."+strings.Join(argument.Ident[1:], "."))
			}
		}
	}
	return found
}

// commandsOf lists every command below a node.
func commandsOf(node parse.Node) []*parse.CommandNode {
	var found []*parse.CommandNode
	switch node := node.(type) {
	case *parse.ListNode:
		if node != nil {
			for _, child := range node.Nodes {
				found = append(found, commandsOf(child)...)
			}
		}
	case *parse.ActionNode:
		return commandsOf(node.Pipe)
	case *parse.IfNode:
		return branchCommands(&node.BranchNode)
	case *parse.RangeNode:
		return branchCommands(&node.BranchNode)
	case *parse.WithNode:
		return branchCommands(&node.BranchNode)
	case *parse.PipeNode:
		if node == nil {
			return nil
		}
		for _, command := range node.Cmds {
			found = append(found, command)
			for _, argument := range command.Args {
				found = append(found, commandsOf(argument)...)
			}
		}
	}
	return found
}

func branchCommands(node *parse.BranchNode) []*parse.CommandNode {
	found := commandsOf(node.Pipe)
	found = append(found, commandsOf(node.List)...)
	return append(found, commandsOf(node.ElseList)...)
}
