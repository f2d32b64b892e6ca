package drift.shop_test

import data.drift.shop
import data.drift.testing

test_hand_edits_are_put_back if count(shop.heal) == 1 with input as testing.modified({})
