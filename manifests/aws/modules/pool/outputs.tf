output "autoscaling_groups" {
  description = "Names of the pool's groups, Spot and On-Demand."
  value       = { for kind, group in aws_autoscaling_group.nodes : kind => group.name }
}

output "labels" {
  description = "Labels of the pool's nodes, for nodeSelector."
  value       = local.labels
}

output "taints" {
  description = "Taints of the pool's nodes, for tolerations."
  value       = local.taints
}
