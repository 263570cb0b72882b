# The only thing to fill in.
cluster_name = "evaluation"
