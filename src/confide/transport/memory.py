"""A link without a network: for tests and for roles within one process."""

from confide.core import limits
from confide.transport.links import MailboxLink
from confide.transport.mailbox import Mailbox


def link_pair() -> tuple[MailboxLink, MailboxLink]:
    """Two ends of one pipe, bounded as a real one is."""
    there, back = Mailbox(limits.MAX_INBOX_MESSAGES), Mailbox(limits.MAX_INBOX_MESSAGES)
    return MailboxLink(back, there), MailboxLink(there, back)
