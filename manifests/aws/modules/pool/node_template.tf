# What a node of the pool is, said once: the kubelet's flags and Cluster Autoscaler's tags both come from these locals, so they cannot disagree.
locals {
  labels = merge({ "queue-metrics.dev/pool" = var.name }, var.extra_labels)
  taints = merge({ dedicated = { value = var.name, effect = "NoSchedule" } }, var.extra_taints)

  # Cluster Autoscaler knows no disk size, and a pod that requests ephemeral-storage would never scale from zero. The kubelet keeps 10 % and 1 GiB.
  resources = merge(var.allocatable, { "ephemeral-storage" = "${floor(var.disk_gib * 0.85)}Gi" })

  groups = {
    spot      = { on_demand_percentage = 0, min_size = var.min_size }
    on-demand = { on_demand_percentage = 100, min_size = 0 }
  }

  autoscaler_tags = merge(
    {
      "k8s.io/cluster-autoscaler/enabled"                                                 = "true"
      "k8s.io/cluster-autoscaler/${var.cluster.name}"                                     = "owned"
      "k8s.io/cluster-autoscaler/node-template/autoscaling-options/scaledownunneededtime" = var.unneeded_time
    },
    { for key, value in local.labels : "k8s.io/cluster-autoscaler/node-template/label/${key}" => value },
    { for key, taint in local.taints : "k8s.io/cluster-autoscaler/node-template/taint/${key}" => "${taint.value}:${taint.effect}" },
    { for key, quantity in local.resources : "k8s.io/cluster-autoscaler/node-template/resources/${key}" => quantity },
  )

  node_config = {
    apiVersion = "node.eks.aws/v1alpha1"
    kind       = "NodeConfig"
    spec = {
      cluster = {
        name                 = var.cluster.name
        apiServerEndpoint    = var.cluster.endpoint
        certificateAuthority = var.cluster.certificate_authority
        cidr                 = var.cluster.service_cidr
      }
      kubelet = {
        flags = [
          "--node-labels=${join(",", [for key, value in local.labels : "${key}=${value}"])}",
          "--register-with-taints=${join(",", [for key, taint in local.taints : "${key}=${taint.value}:${taint.effect}"])}",
        ]
      }
    }
  }

  user_data = join("\n", [
    "MIME-Version: 1.0",
    "Content-Type: multipart/mixed; boundary=\"node\"",
    "",
    "--node",
    "Content-Type: application/node.eks.aws",
    "",
    yamlencode(local.node_config),
    "--node--",
    "",
  ])
}
