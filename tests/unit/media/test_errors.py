import pytest

from autotag.media.errors import DocumentNotFound, MediaError, StorageError, UploadRefused


@pytest.mark.parametrize("error", [UploadRefused("code", "words"), StorageError("code", "words")])
def test_an_error_carries_a_code_for_programs_and_words_for_people(error: MediaError) -> None:
    assert isinstance(error, MediaError)
    assert (error.code, error.message, str(error)) == ("code", "words", "words")


def test_a_document_that_is_not_there_is_told_without_its_number() -> None:
    error = DocumentNotFound(17)
    assert (error.code, error.document_id) == ("document_not_found", 17)
    assert "17" not in error.message
