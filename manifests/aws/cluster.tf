data "aws_eks_cluster" "this" {
  name = var.cluster_name
}

data "aws_arn" "cluster" {
  arn = data.aws_eks_cluster.this.arn
}

data "aws_ssm_parameter" "image_id" {
  for_each = toset([for variant in distinct(values(local.pools)[*].image) : variant if !contains(keys(var.image_ids), variant)])

  name = "/aws/service/eks/optimized-ami/${data.aws_eks_cluster.this.version}/amazon-linux-2023/x86_64/${each.key}/recommended/image_id"
}

locals {
  cluster_vpc        = one(data.aws_eks_cluster.this.vpc_config)
  subnet_ids         = length(var.subnet_ids) > 0 ? var.subnet_ids : tolist(local.cluster_vpc.subnet_ids)
  security_group_ids = length(var.security_group_ids) > 0 ? var.security_group_ids : [local.cluster_vpc.cluster_security_group_id]
  image_ids          = merge({ for variant, parameter in data.aws_ssm_parameter.image_id : variant => nonsensitive(parameter.value) }, var.image_ids)
}
