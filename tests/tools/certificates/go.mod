module oc-interrogate.test/tools/certificates

go 1.26
