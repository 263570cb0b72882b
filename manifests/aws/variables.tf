variable "cluster_name" {
  description = "The EKS cluster to give pools to. It must exist, with two always-on nodes for Cluster Autoscaler, the metrics server and Redis."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets for the nodes, best private ones. Empty: the cluster's own."
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups of the nodes. Empty: the cluster's own."
  type        = list(string)
  default     = []
}

variable "image_ids" {
  description = "AMIs by variant (standard, nvidia). A variant left out is looked up: the newest EKS-optimized Amazon Linux 2023 for the cluster's version."
  type        = map(string)
  default     = {}
}

variable "warm_nodes" {
  description = "Nodes kept running by pool, for instance { executor = 1 }: the price of starting in seconds."
  type        = map(number)
  default     = {}
}

variable "create_access_entry" {
  description = "Let the nodes join by an EKS access entry. False for a cluster that still maps roles in aws-auth."
  type        = bool
  default     = true
}

variable "cluster_autoscaler_identity" {
  description = "How Cluster Autoscaler gets its role: pod-identity (needs the add-on eks-pod-identity-agent), irsa (needs the cluster's OIDC provider in IAM), or none (no Cluster Autoscaler: Karpenter)."
  type        = string
  default     = "pod-identity"

  validation {
    condition     = contains(["pod-identity", "irsa", "none"], var.cluster_autoscaler_identity)
    error_message = "Use pod-identity, irsa or none."
  }
}
