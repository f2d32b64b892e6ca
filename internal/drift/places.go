package drift

// ReportPolicies is one folder of policies, and the commit that it was read from.
type ReportPolicies struct {
	// Path is what the places of its rules begin with.
	Path string `json:"path"`
	// Folder is where it stands in its repository.
	Folder   string         `json:"folder"`
	Revision ReportRevision `json:"revision"`
}
