# The four pools. Allocatable is what the EKS AMI leaves of the machine, DaemonSets not yet subtracted; `workers.max` is the one source of every maximum:
# maxReplicas of the HPA of the same name, Karpenter's limits and the room in the groups are checked against it.
locals {
  pools = {
    small = {
      instance_types = ["t3.medium", "t3a.medium"]
      allocatable    = { cpu = "1930m", memory = "3246Mi", pods = "17" }
      workers        = { max = 30, per_node = 3 }
      image          = "standard"
      unneeded_time  = "5m"
      extra_labels   = {}
      extra_taints   = {}
    }
    executor = {
      instance_types = ["c5.xlarge", "c5a.xlarge", "c6i.xlarge", "c7i.xlarge"]
      allocatable    = { cpu = "3920m", memory = "6584Mi", pods = "58" }
      workers        = { max = 10, per_node = 1 }
      image          = "standard"
      unneeded_time  = "5m"
      extra_labels   = {}
      extra_taints   = {}
    }
    large = {
      instance_types = ["c5.2xlarge", "c5a.2xlarge", "c6i.2xlarge", "c7i.2xlarge"]
      allocatable    = { cpu = "7910m", memory = "14162Mi", pods = "58" }
      workers        = { max = 10, per_node = 1 }
      image          = "standard"
      unneeded_time  = "5m"
      extra_labels   = {}
      extra_taints   = {}
    }
    gpu = {
      instance_types = ["g4dn.xlarge"]
      allocatable    = { cpu = "3920m", memory = "14481Mi", pods = "29", "nvidia.com/gpu" = "1" }
      workers        = { max = 10, per_node = 1 }
      image          = "nvidia"
      unneeded_time  = "2m" # The dearest idle minutes.

      # Until the device plugin advertises the GPU, this label tells Cluster Autoscaler to wait instead of buying a second node.
      extra_labels = { "k8s.amazonaws.com/accelerator" = "nvidia-tesla-t4" }
      extra_taints = { "nvidia.com/gpu" = { value = "present", effect = "NoSchedule" } }
    }
  }
}

module "pool" {
  source   = "./modules/pool"
  for_each = local.pools

  name             = each.key
  instance_types   = each.value.instance_types
  allocatable      = each.value.allocatable
  workers          = each.value.workers
  extra_labels     = each.value.extra_labels
  extra_taints     = each.value.extra_taints
  image_id         = local.image_ids[each.value.image]
  unneeded_time    = each.value.unneeded_time
  min_size         = lookup(var.warm_nodes, each.key, 0)
  instance_profile = aws_iam_instance_profile.node.name

  cluster = {
    name                  = var.cluster_name
    endpoint              = data.aws_eks_cluster.this.endpoint
    certificate_authority = data.aws_eks_cluster.this.certificate_authority[0].data
    service_cidr          = data.aws_eks_cluster.this.kubernetes_network_config[0].service_ipv4_cidr
  }
  subnet_ids         = local.subnet_ids
  security_group_ids = local.security_group_ids

  depends_on = [aws_iam_role_policy_attachment.node]
}
