#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes monitoring/rules.yaml, a PrometheusRule that holds docker/prometheus' rules; a test says when it is stale.
cd "${0%/*}" || exit
{
        echo "# Made by docker/k8s/rules.sh from docker/prometheus/recording.yml and alerts.yml."
        printf 'apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: sluice\nspec:\n  groups:\n'
        for file in recording alerts; do
                sed -n '/^groups:/,$p' "../prometheus/$file.yml" | sed '1d; s/^\(.\)/  \1/'
        done
} >"${1:-monitoring/rules.yaml}"
