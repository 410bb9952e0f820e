from flask import Flask, get_flashed_messages, get_template_attribute

from autotag.blueprints.notices import flash_act, flash_undo


def test_a_notice_carries_a_button_that_posts_with_its_token(app: Flask) -> None:
    with app.test_request_context("/documents?q=x"):
        flash_undo("1 file <moved>.", "bulk_actions.undo", action_id=7)
        ((category, message),) = get_flashed_messages(with_categories=True)
        html = str(get_template_attribute("components/flash.html", "flash_message")(category, message))
    assert 'action="/bulk-actions/7/undo"' in html
    assert 'name="csrf_token"' in html
    assert "1 file &lt;moved&gt;." in html
    assert ">Undo</button>" in html


def test_the_button_can_say_something_else(app: Flask) -> None:
    with app.test_request_context("/documents"):
        flash_act("Gone.", "Restore", "recycle_bin.restore")
        ((_, message),) = get_flashed_messages(with_categories=True)
    assert (message["label"], message["address"]) == ("Restore", "/recycle-bin/restore")
