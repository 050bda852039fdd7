"""Records of audits: what was audited, how, by whom and with what result, in a file that can be verified."""
