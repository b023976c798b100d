"""The Office's five work groups and the nine topics that they answer, as its procedure names them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final


class WorkGroup(StrEnum):
    """A work group (กลุ่มงาน) of the Office."""

    INFORMATION = "information"
    PARTICIPATION = "participation"
    ADMINISTRATION = "administration"
    AUDIT = "audit"
    ACADEMIC = "academic"


class Topic(StrEnum):
    """What a case is about; each topic belongs to exactly one work group."""

    INFORMATION_MEDIA = "information_media"
    PROJECT_DOCUMENTS = "project_documents"
    TRANSFERS_AND_CHANGES = "transfers_and_changes"
    REGULATIONS = "regulations"
    MEETING_AGENDAS = "meeting_agendas"
    COMPLAINTS = "complaints"
    FOLLOW_UP = "follow_up"
    TRAINING = "training"
    SUFFICIENCY_ECONOMY = "sufficiency_economy"


@dataclass(frozen=True, slots=True)
class WorkGroupLabels:
    """What people call a work group."""

    abbreviation: str
    th: str
    en: str


@dataclass(frozen=True, slots=True)
class TopicLabels:
    """What people call a topic, and the work group that answers it."""

    work_group: WorkGroup
    th: str
    en: str


WORK_GROUPS: Final[Mapping[WorkGroup, WorkGroupLabels]] = {
    WorkGroup.INFORMATION: WorkGroupLabels(
        "กสป.", "กลุ่มงานสารสนเทศวางแผนและประเมินผล", "Information, Planning and Evaluation Group"
    ),
    WorkGroup.PARTICIPATION: WorkGroupLabels(
        "กสร.", "กลุ่มงานเสริมสร้างศักยภาพและการมีส่วนร่วม", "Capacity Building and Participation Group"
    ),
    WorkGroup.ADMINISTRATION: WorkGroupLabels("กบท.", "กลุ่มงานบริหารจัดการทั่วไป", "General Administration Group"),
    WorkGroup.AUDIT: WorkGroupLabels("กตผ.", "กลุ่มงานตรวจสอบและติดตามผล", "Audit and Follow-up Group"),
    WorkGroup.ACADEMIC: WorkGroupLabels(
        "กวค.", "กลุ่มงานวิชาการและเครือข่ายองค์ความรู้", "Academic and Knowledge Network Group"
    ),
}

TOPICS: Final[Mapping[Topic, TopicLabels]] = {
    Topic.INFORMATION_MEDIA: TopicLabels(
        WorkGroup.INFORMATION, "สารสนเทศและสื่อประชาสัมพันธ์", "Information systems and publicity"
    ),
    Topic.PROJECT_DOCUMENTS: TopicLabels(WorkGroup.PARTICIPATION, "เอกสารโครงการ", "Project documents"),
    Topic.TRANSFERS_AND_CHANGES: TopicLabels(
        WorkGroup.PARTICIPATION, "การโอนเงิน/การเปลี่ยนแปลงโครงการ", "Money transfers and project changes"
    ),
    Topic.REGULATIONS: TopicLabels(WorkGroup.ADMINISTRATION, "ระเบียบ", "Regulations"),
    Topic.MEETING_AGENDAS: TopicLabels(WorkGroup.ADMINISTRATION, "วาระการประชุม", "Meeting agendas"),
    Topic.COMPLAINTS: TopicLabels(WorkGroup.AUDIT, "เรื่องร้องเรียน", "Complaints"),
    Topic.FOLLOW_UP: TopicLabels(WorkGroup.AUDIT, "การติดตามผล", "Follow-up of results"),
    Topic.TRAINING: TopicLabels(WorkGroup.ACADEMIC, "การฝึกอบรม", "Training"),
    Topic.SUFFICIENCY_ECONOMY: TopicLabels(
        WorkGroup.ACADEMIC, "องค์ความรู้ในเศรษฐกิจพอเพียง", "Knowledge of the sufficiency economy"
    ),
}

# What belongs to no topic: a label to learn from, never a topic of a case. Such a case waits in triage.
OTHER: Final = "other"


def work_group_of(topic: Topic) -> WorkGroup:
    """The work group that answers a topic."""
    return TOPICS[topic].work_group


@cache
def topics_of(work_group: WorkGroup) -> tuple[Topic, ...]:
    """The topics that a work group answers, in the order of the procedure."""
    return tuple(topic for topic, labels in TOPICS.items() if labels.work_group is work_group)
