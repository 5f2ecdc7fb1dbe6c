"""What a party has kept of a task, in memory."""

from dataclasses import dataclass, field

from confide.protocol.blocks import SignedBlock
from confide.protocol.messages import Message
from confide.protocol.receipts import PrivatePart, ResultStatement, SignedReceipt


@dataclass
class Kept:
    """Implements party.ports.Records: keeps everything in memory."""

    agreements: list[SignedBlock] = field(default_factory=list)
    results: list[tuple[ResultStatement, bytes, PrivatePart, bytes]] = field(default_factory=list)
    receipts: list[SignedReceipt] = field(default_factory=list)
    seen: list[Message] = field(default_factory=list)
    came: bytes = b""

    def agreed(self, signed: SignedBlock) -> None:
        self.agreements.append(signed)

    def result(self, statement: ResultStatement, signature: bytes, report: PrivatePart, data: bytes) -> None:
        self.results.append((statement, signature, report, data))

    def receipt(self, signed: SignedReceipt) -> None:
        self.receipts.append(signed)

    def part(self, offset: int, data: bytes) -> None:
        self.came = self.came[:offset] + data

    def model(self, sha384: str) -> bytes:
        return next(data for statement, _, _, data in self.results if statement.sha384 == sha384)

    def observe(self, message: Message) -> None:
        self.seen.append(message)
