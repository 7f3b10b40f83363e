package kms_test

import (
	"context"
	"fmt"

	"github.com/metaxy-go/metaxy/layers/crypto/keys"
	"github.com/metaxy-go/metaxy/layers/crypto/kms"
)

func ExampleOpen() {
	ctx := context.Background()
	service, err := kms.Open(ctx, "aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/metaxy")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer service.Close()
	fmt.Println(service)

	create := func() error {
		ring, err := keys.Create(ctx, "ring.keys", service.Lock()) // asks AWS to wrap a data key
		if err != nil {
			return err
		}
		_, err = ring.Rotate(ctx)
		return err
	}
	_ = create
	// Output: aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/metaxy
}
