module example.invalid/vow-cluster-bystander

go 1.26.0
