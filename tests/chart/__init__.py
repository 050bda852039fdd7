"""The Helm chart, rendered by Helm and validated against the schemas of Kubernetes and KEDA."""
