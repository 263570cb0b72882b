# Four pools of machines that are there only while there is work, for an EKS cluster that exists.
# Try it: set cluster_name in terraform.tfvars, then `tofu init && tofu apply` (or terraform) with AWS_REGION and credentials in the environment.
provider "aws" {}
