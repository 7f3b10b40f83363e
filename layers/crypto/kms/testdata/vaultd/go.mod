module vaultd

go 1.26

require github.com/hashicorp/vault v1.13.1

// Vault builds with the copy in its own tree; this is the same as a module.
replace github.com/hashicorp/vault/sdk => github.com/hashicorp/vault/sdk v0.8.1
