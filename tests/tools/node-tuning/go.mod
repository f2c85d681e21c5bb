module oc-interrogate.test/tools/node-tuning

go 1.24.0

require github.com/openshift/cluster-node-tuning-operator v0.0.0-20240606084543-6d2e11aec345
