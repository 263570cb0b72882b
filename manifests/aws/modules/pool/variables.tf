variable "name" {
  description = "The pool's name: value of its label queue-metrics.dev/pool and of its taint dedicated."
  type        = string
}

variable "cluster" {
  description = "The cluster a node joins. All four facts go into the user data: nodeadm no longer asks EKS for them."
  type = object({
    name                  = string
    endpoint              = string
    certificate_authority = string
    service_cidr          = string
  })
}

variable "instance_types" {
  description = "Types of one shape: Cluster Autoscaler takes the first for all of them."
  type        = list(string)
}

variable "allocatable" {
  description = "What a node leaves to pods, by resource. Without it Cluster Autoscaler reckons with the raw machine and buys too few nodes, then more."
  type        = map(string)
}

variable "workers" {
  description = "The most worker pods at once (maxReplicas of the HPA that fills the pool) and how many of them fit on a node."
  type = object({
    max      = number
    per_node = number
  })
}

variable "extra_labels" {
  description = "Node labels beside the pool's own."
  type        = map(string)
  default     = {}
}

variable "extra_taints" {
  description = "Node taints beside the pool's own: key to value and effect."
  type = map(object({
    value  = string
    effect = string
  }))
  default = {}
}

variable "image_id" {
  description = "AMI of the nodes: EKS-optimized Amazon Linux 2023."
  type        = string
}

variable "instance_profile" {
  description = "Name of the nodes' instance profile."
  type        = string
}

variable "security_group_ids" {
  description = "Security groups of the nodes."
  type        = list(string)
}

variable "subnet_ids" {
  description = "Subnets to launch nodes in."
  type        = list(string)
}

variable "disk_gib" {
  description = "Size of the root volume."
  type        = number
  default     = 100
}

variable "min_size" {
  description = "Nodes kept warm, on Spot."
  type        = number
  default     = 0
}

variable "max_size" {
  description = "The most nodes of each group, Spot and On-Demand."
  type        = number
  default     = 20
}

variable "unneeded_time" {
  description = "How long a node must be empty before Cluster Autoscaler takes it away."
  type        = string
  default     = "5m"
}
