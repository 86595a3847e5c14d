"""Whether a provisioner's own claims allow a lifetime: yes, no, or as the CA's own limits say."""

from datetime import timedelta

import pytest

from certpush.stepca.advice import claims_for, own_limits, stock_claims, update_command
from certpush.stepca.wire import Claims, Provisioner

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def limits(**claims):
    return own_limits(Provisioner("JWK", "p", claims=Claims(**claims) if claims else None))


@pytest.mark.parametrize(
    ("claims", "lifetime", "allowed"),
    [
        ({}, DAY, None),
        ({"max_lifetime": "48h"}, 2 * DAY, True),
        ({"max_lifetime": "48h"}, 2 * DAY + HOUR, False),
        ({"default_lifetime": "48h"}, 2 * DAY, True),
        ({"default_lifetime": "48h"}, 3 * DAY, None),
        ({"min_lifetime": "2h"}, HOUR, False),
        ({"min_lifetime": "2h"}, DAY, None),
        ({"min_lifetime": "2h", "max_lifetime": "48h"}, DAY, True),
        ({"max_lifetime": "48h"}, timedelta(minutes=1), None),
        ({"default_lifetime": "1m", "max_lifetime": "48h"}, timedelta(minutes=2), True),
        ({"max_lifetime": "forever"}, DAY, None),
    ],
)
def test_own_claims_decide_where_they_can(claims, lifetime, allowed):
    assert limits(**claims).allow(lifetime) is allowed


def test_a_long_lifetime_raises_the_maximum_alone():
    assert claims_for(395 * DAY) == {"maxTLSCertDuration": "9480h0m0s"}


def test_a_lifetime_within_step_ca_s_own_limits_changes_no_default():
    assert claims_for(DAY) == claims_for(timedelta(minutes=5)) == {}
    assert stock_claims() == {"minTLSCertDuration": "5m0s", "maxTLSCertDuration": "24h0m0s"}


def test_a_short_lifetime_lowers_the_minimum_alone():
    assert claims_for(timedelta(minutes=2)) == {"minTLSCertDuration": "2m0s"}


def test_a_provisioner_s_name_is_one_word_of_the_command():
    assert update_command({"maxTLSCertDuration": "24h0m0s"}, "a b; rm") == "step ca provisioner update 'a b; rm' --x509-max-dur 24h0m0s"
    assert " NAME " in update_command({"maxTLSCertDuration": "24h0m0s"}, "")
