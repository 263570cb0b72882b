output "cluster_env" {
  description = "Contents of manifests/cluster-autoscaler/cluster.env: the same cluster name as in the groups' tags."
  value       = "CLUSTER_NAME=${var.cluster_name}\nAWS_REGION=${data.aws_arn.cluster.region}\n"
}

output "cluster_autoscaler_role_arn" {
  description = "Cluster Autoscaler's role; with irsa it goes into the service account's annotation eks.amazonaws.com/role-arn."
  value       = one(aws_iam_role.cluster_autoscaler[*].arn)
}

output "node_role_arn" {
  description = "The nodes' role."
  value       = aws_iam_role.node.arn
}

output "pools" {
  description = "Groups, labels and taints of each pool."
  value       = module.pool
}
