"""The consensus of annotators: whose turn it is, and the job that forms one."""
