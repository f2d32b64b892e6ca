# METADATA
# title: The root of all policies
# description: |
#   Type-checks every package below drift against the input schema, so that a
#   misspelt field of the input is an error and not a rule that never fires.
# scope: subpackages
# schemas:
#   - input: schema.input
package drift
