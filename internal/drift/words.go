package drift

// The fixed words of findings, which are about an object, and of notes, which are
// about one field. docs/drift.md explains each.
const (
	FindingLabelStripped    = "the part-of label was stripped from the live object"
	FindingHandedOver       = "handed over from "
	FindingLabelChanged     = "the part-of label was changed in the cluster: it names "
	FindingRecreated        = "was deleted and created again by somebody: it is not the object that Killick applied"
	FindingDeleted          = "was applied before and is gone: somebody deleted it; a deletion leaves no field manager"
	FindingNondeterministic = "the clock, a random function or the order of a map decides fields: they are set when the object is created, and left alone from then on"
	FindingOwnershipTaken   = "another manager took ownership of fields with equal values"
	FindingRewritten        = "admission changed our own write: healing would loop; the cluster does not keep what Git says"
	FindingNoManagers       = "nothing on the object records who wrote what (managedFields were reset, or could not be converted between API versions):" +
		" what was added to it cannot be told from defaults, until Killick writes it again"
	FindingNoEntry = "nothing on the object records what Killick applied (managedFields were reset, or the API version it was applied at" +
		" is gone): what leaves Git stays in the cluster, until Killick writes it again"
	FindingMergedEntries = "more than ten clients updated it, and the API server merged its records of the first ones (ancient-changes):" +
		" what they added cannot be told from a controller's work"

	FindingComparedLocally = "compared locally, because the API server refused the dry-run: "
	FindingNotDryRun       = "compared without a dry-run, for which this account may not ask: what the API server would default, convert or refuse is not known"

	NoteRemovalNotVerified = "the API server did not say whether what Git dropped can be changed in place: it stays until a run can tell"

	NoteRewritten = "admission changes what Git says here"
	NoteBeside    = "Git does not name it: a write makes admission or a default add it"
	NoteAdmission = "admission changed what we own: it can come back after healing"
)

// NoteNoOwner is the note of a value that somebody removed: the API server takes a
// removed field out of every entry and keeps no trace of who removed it
// (structured-merge-diff, merge/update.go).
const NoteNoOwner = "removed fields have no owner"

// NoteOrderOnly is the note of a list whose elements are all there.
const NoteOrderOnly = "only the order of the elements differs"

// NoteNotVerified is the note of an addition that may be a default.
const NoteNotVerified = "not verified: the API server did not say whether it fills this in by itself"

// NoteLeftToPeople is the note of a difference that policy's alert_only_fields names.
const NoteLeftToPeople = "a policy leaves it to people"

// NoteEmptyList is the note of an empty list that Git dropped.
const NoteEmptyList = "an apply cannot own an empty list, so that it leaves it"

// NoteExcluded is the note of a field that a write takes away to make room.
const NoteExcluded = "the API server does not take it beside what Git says"

// keptByServer is the note of what Git dropped and the API server does not let go, and
// keptAsAccount that of a pod's service account.
const (
	NoteKept        = "Git dropped it, and the server keeps it"
	NoteKeptAccount = "the server keeps it under its deprecated name"
)
