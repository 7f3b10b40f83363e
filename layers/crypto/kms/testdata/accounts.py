"""Plays the administrator of moto's accounts.

accounts.py URL           makes two users, one who may use keys and one who may
                          not, has moto check from then on who calls, and prints
                          their access keys as JSON
accounts.py URL ID SECRET takes the right away from the first one again
"""

import json
import sys

import boto3
import requests


def client(url, key="setup", secret="setup"):
    return boto3.client(
        "iam", region_name="us-east-1", endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret
    )


def create(url):
    iam = client(url)
    rule = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["kms:*", "iam:DeleteUserPolicy"], "Resource": "*"}],
    }
    made = {}
    for user in ("user", "nobody"):
        iam.create_user(UserName=user)
        if user == "user":
            iam.put_user_policy(UserName=user, PolicyName="keys", PolicyDocument=json.dumps(rule))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        made[user] = {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}
    requests.post(url + "/moto-api/reset-auth", data=b"0", timeout=10).raise_for_status()
    print(json.dumps(made))


def revoke(url, key, secret):
    client(url, key, secret).delete_user_policy(UserName="user", PolicyName="keys")
    print("{}")


if len(sys.argv) == 2:
    create(sys.argv[1])
else:
    revoke(*sys.argv[1:])
